"""Put together what jobs need besides the definition: their code and weights."""
