"""Events: the log behind one interface, the relay that fills it, the consumers and tails that read it."""
