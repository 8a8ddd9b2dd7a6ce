"""Export the network as graphs that onnxruntime serves."""
