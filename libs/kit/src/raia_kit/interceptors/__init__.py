"""The chain that every rpc of every service passes, one stage a file; ``chain`` composes them."""
