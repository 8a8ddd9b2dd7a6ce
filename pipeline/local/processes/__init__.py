"""Start the processes of jobs, watch them and end them."""
