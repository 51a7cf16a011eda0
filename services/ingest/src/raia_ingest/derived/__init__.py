"""Work whose result belongs to one dataset version: started when first asked for, kept for ever."""
