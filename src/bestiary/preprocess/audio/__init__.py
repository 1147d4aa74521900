"""Audio becomes features: reading and resampling, spectrograms, and the extractors that apply them."""
