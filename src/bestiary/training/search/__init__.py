"""The search for hyperparameters of `Trainer`: how a trial is run, what it is drawn from, and what came of all of them."""
