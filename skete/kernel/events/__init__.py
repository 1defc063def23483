"""Descriptors that report events: epoll, eventfd, timerfd, signalfd; and POSIX timers.

Each has a host descriptor that is ready when it is, so that poll, select and epoll over any mixture of them are the
host's own: an epoll instance is a host epoll instance, and the other three are host eventfds.
"""
