"""Data sets that many compare on, in the files they are published as: GLUE, XNLI, SQuAD. Names of release 4.46."""
