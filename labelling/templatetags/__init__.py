"""What the templates of labelling can say."""
