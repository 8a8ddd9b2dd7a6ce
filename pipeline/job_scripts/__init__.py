"""Say what the scripts in training_code/ take and print."""
