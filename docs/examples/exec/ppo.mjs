// A PPO in JavaScript, judged by the gate:
//
//     ppocore check --exec 'node docs/examples/exec/ppo.mjs'
//
// With --max it makes a known mistake: the larger of the two branches instead of the smaller.
import { speak } from "./speak.mjs";

const worse = process.argv.includes("--max") ? Math.max : Math.min;

// Arrays of T rows and N columns; an end of either kind belongs to the transition that it ended.
function gae({ rewards, values, next_values, terminated, truncated, gamma, gae_lambda }) {
  const advantages = rewards.map((row) => row.map(() => 0));
  const returns = rewards.map((row) => row.map(() => 0));
  for (let n = 0; n < rewards[0].length; n++) {
    let carry = 0;
    for (let t = rewards.length - 1; t >= 0; t--) {
      const next = terminated[t][n] ? 0 : next_values[t][n];
      if (terminated[t][n] || truncated[t][n]) carry = 0;
      carry = rewards[t][n] + gamma * next - values[t][n] + gamma * gae_lambda * carry;
      advantages[t][n] = carry;
      returns[t][n] = carry + values[t][n];
    }
  }
  return { advantages, returns };
}

// The loss alone: without a gradient it is judged on its value.
function clip_loss({ log_prob, old_log_prob, advantages, clip_eps }) {
  const objectives = advantages.map((advantage, i) => {
    const ratio = Math.exp(log_prob[i] - old_log_prob[i]);
    const clipped = Math.min(Math.max(ratio, 1 - clip_eps), 1 + clip_eps);
    return worse(ratio * advantage, clipped * advantage);
  });
  return { loss: -objectives.reduce((sum, x) => sum + x, 0) / objectives.length };
}

const operations = {
  gae: ["rewards", "values", "next_values", "terminated", "truncated", "gamma", "gae_lambda"],
  clip_loss: ["log_prob", "old_log_prob", "advantages", "clip_eps"],
};
await speak({ name: "PPO in JavaScript", language: "JavaScript", operations }, { gae, clip_loss });
