# The second moment of Adam in binary64.
@round = float<ieee_64, ne>;
beta = round(beta_); second = round(second_); grad = round(grad_);
rest round= 1 - beta;
kept round= beta * second;
half round= rest * grad;
added round= half * grad;
computed round= kept + added;
exact = beta * second + (1 - beta) * grad * grad;
{ beta in [0.5, 1] /\ second in [0, 1] /\ |grad| <= 1 -> |computed - exact| <= 1b-52 }
