"""What families share: functions and weightless parts. They take plain values, never a config."""
