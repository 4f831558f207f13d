# One whole step of the GAE recursion in binary64: the TD error, then the carry of the advantage after it.
@round = float<ieee_64, ne>;
reward = round(reward_); value = round(value_); next_value = round(next_value_); later = round(later_);
gamma = round(gamma_); gae_lambda = round(gae_lambda_);
discounted round= gamma * next_value;
target round= reward + discounted;
delta round= target - value;
decay round= gamma * gae_lambda;
carried round= decay * later;
computed round= delta + carried;
exact = reward + gamma * next_value - value + gamma * gae_lambda * later;
{ |reward| <= 1 /\ gamma in [0, 1] /\ gae_lambda in [0, 1] /\ |value| <= 100 /\ |next_value| <= 100 /\ |later| <= 200
  -> |computed - exact| <= 185b-51 }
