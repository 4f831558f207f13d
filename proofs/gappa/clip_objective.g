# The clipped branch (1 + eps) A of the objective in binary64.  The unclipped branch r A has one rounding less.
@round = float<ieee_64, ne>;
clip_eps = round(clip_eps_); advantage = round(advantage_);
end round= 1 + clip_eps;
computed round= end * advantage;
exact = (1 + clip_eps) * advantage;
{ clip_eps in [0, 1] /\ |advantage| <= 8 -> |computed - exact| <= 1b-49 }
