"""Loss terms, one function each, of values alone; and the objective, their weighted sum."""
