"""The model server: the same on SageMaker, in the image of ../Dockerfile, and on a laptop."""
