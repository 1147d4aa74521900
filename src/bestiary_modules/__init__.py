"""Modules from the code of checkpoints, once `trust_remote_code=True` has allowed it; see `bestiary.hub.code.modules`."""

from bestiary.hub.code.modules import install_finder

install_finder()
