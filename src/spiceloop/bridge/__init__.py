"""Where the trained filters and the simulator meet; nothing else imports both sides.

`to_netlist` writes a bank as SPICE, `decks` adds analyses to it, `validate` holds SPICE's answer
against the model's, `characterise` gets the gm law from a SKY130 transistor, `transistors` puts
such transistors into the bank.
"""
