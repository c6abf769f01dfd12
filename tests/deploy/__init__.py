"""What ships the service: images, the compose file, Kubernetes. As far as no engine is needed."""
