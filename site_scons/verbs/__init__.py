"""The verbs of the build: what a SConstruct or SConscript can say. They declare nodes; the work is done by
site_scons/steps."""
