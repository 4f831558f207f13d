# The first moment of Adam in binary64; 1 - beta is exact for beta >= 1/2 (Sterbenz), and Gappa finds that.
@round = float<ieee_64, ne>;
beta = round(beta_); first = round(first_); grad = round(grad_);
rest round= 1 - beta;
kept round= beta * first;
added round= rest * grad;
computed round= kept + added;
exact = beta * first + (1 - beta) * grad;
{ beta in [0.5, 1] /\ |first| <= 1 /\ |grad| <= 1 -> |computed - exact| <= 7b-55 }
