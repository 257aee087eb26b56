"""What only CUDA releases, generations and licences have."""
