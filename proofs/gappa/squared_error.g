# The squared error of a value in binary64.
@round = float<ieee_64, ne>;
value = round(value_); target = round(target_);
error round= value - target;
computed round= error * error;
exact = (value - target) * (value - target);
{ |value| <= 64 /\ |target| <= 64 -> |computed - exact| <= 1b-38 }
