"""Hand events to the deploying function, as EventBridge does on AWS."""
