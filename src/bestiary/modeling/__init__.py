"""What every model is made of: its base class, its config, opening and saving, recording, heads."""
