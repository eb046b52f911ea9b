"""What is simulated: netlists, design variables, process models, and the decks made of them."""
