"""Read pipeline.yaml into typed, frozen settings."""
