"""The card of a trained model: what is known of a training, as a README.md."""
