"""Tools that a training reports to: one file for each, whose name is its name in `report_to`.

`PACKAGES` are what a tool needs, as they are imported: all of a text, one of the texts. `CALLBACK` is its class.
`SWITCH` is the environment variable that turns it off.
"""
