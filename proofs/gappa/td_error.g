# One TD error in binary64, rounded to nearest even, as the kernel evaluates it.
@round = float<ieee_64, ne>;
reward = round(reward_); value = round(value_); next_value = round(next_value_); gamma = round(gamma_);
discounted round= gamma * next_value;
target round= reward + discounted;
computed round= target - value;
exact = reward + gamma * next_value - value;
{ |reward| <= 1 /\ gamma in [0, 1] /\ |value| <= 100 /\ |next_value| <= 100 -> |computed - exact| <= 1b-45 }
