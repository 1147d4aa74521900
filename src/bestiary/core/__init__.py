"""The ground floor: errors, outputs, configuration, plug-ins, files, optional packages. Imports nothing of ours."""
