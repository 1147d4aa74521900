"""Text, images and audio become the arrays that models take."""
