"""Look for pictures that a person should see: wrong labels, copies, strangers, mixed classes."""
