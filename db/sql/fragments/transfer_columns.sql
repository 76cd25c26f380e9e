-- What the steps of transfer t with encoder e follow from.
t.method, t.parameters::text, e.dimension, t.scale, t.state
