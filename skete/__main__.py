"""python -m skete"""
import sys

from skete.cli import main

sys.exit(main(sys.argv[1:]))
