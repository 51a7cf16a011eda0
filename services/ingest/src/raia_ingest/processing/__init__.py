"""Where versions are routed, and what processors say of them."""
