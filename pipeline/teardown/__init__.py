"""Take down what a project has on AWS, or the endpoints of this machine, and say what is left."""
