"""What a training loop is made of: learning-rate schedules, data collators, the state that callbacks see, what metrics get."""
