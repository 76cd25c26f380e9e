-- What e.rest items will take of m in all, with a 95 % interval from the pilot's spread.
json_build_object(
    'expected', e.rest * m.mean,
    'low', greatest(0, e.rest * (m.mean - 1.96 * m.spread / sqrt(e.n))),
    'high', e.rest * (m.mean + 1.96 * m.spread / sqrt(e.n)))
