"""What is done with a job: its model, its store, its engine, its folders."""
