"""What the operator's pod answers on ports of its own: whether it lives, and progress that stages push."""
