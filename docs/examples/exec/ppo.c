/* A PPO in C, judged by the gate.
 *
 *     cc -O2 -o ppo docs/examples/exec/ppo.c -lm && ppocore check --exec ./ppo
 *
 * With -DNEVER_CUT it makes a known mistake: the recursion runs on through the ends of episodes.
 */
#define _POSIX_C_SOURCE 200809L
#include "speak.h"

/* Arrays of T rows and N columns; an end of either kind belongs to the transition that it ended. */
static void gae(size_t T, size_t N, const double *rewards, const double *values, const double *next_values,
                const double *terminated, const double *truncated, double gamma, double lambda, double *advantages) {
    for (size_t n = 0; n < N; n++) {
        double carry = 0;
        for (size_t t = T; t-- > 0;) {
            size_t i = t * N + n;
            double next = terminated[i] ? 0 : next_values[i];
#ifndef NEVER_CUT
            if (terminated[i] || truncated[i]) carry = 0;
#endif
            carry = rewards[i] + gamma * next - values[i] + gamma * lambda * carry;
            advantages[i] = carry;
        }
    }
    (void)truncated;
}

/* -mean(min(r A, clip(r, 1 - eps, 1 + eps) A)); returns the loss and fills in its gradient. */
static double clip_loss(size_t B, const double *log_prob, const double *old_log_prob, const double *advantages,
                        double eps, double *gradient) {
    double sum = 0;
    for (size_t i = 0; i < B; i++) {
        double ratio = exp(log_prob[i] - old_log_prob[i]), A = advantages[i];
        double clipped = fmin(fmax(ratio, 1 - eps), 1 + eps);
        int cut = (A > 0 && ratio > 1 + eps) || (A < 0 && ratio < 1 - eps);
        sum += cut ? clipped * A : ratio * A;
        gradient[i] = cut ? 0 : -ratio * A / (double)B;
    }
    return -sum / (double)B;
}

static void answer_gae(const char *line) {
    Array rewards = array(line, "rewards"), values = array(line, "values"), next = array(line, "next_values");
    Array terminated = array(line, "terminated"), truncated = array(line, "truncated");
    size_t T = rewards.rows, N = rewards.size / T;
    double *advantages = malloc(sizeof(double) * (T * N + 1));
    gae(T, N, rewards.at, values.at, next.at, terminated.at, truncated.at, number(line, "gamma"),
        number(line, "gae_lambda"), advantages);
    printf("\"advantages\": ");
    put_matrix(advantages, T, N);
    free(advantages), free(rewards.at), free(values.at), free(next.at), free(terminated.at), free(truncated.at);
}

static void answer_clip_loss(const char *line) {
    Array new = array(line, "log_prob"), old = array(line, "old_log_prob"), advantages = array(line, "advantages");
    double *gradient = malloc(sizeof(double) * (new.size + 1));
    double loss = clip_loss(new.size, new.at, old.at, advantages.at, number(line, "clip_eps"), gradient);
    printf("\"loss\": ");
    put_number(loss);
    printf(", \"grad_log_prob\": ");
    put_vector(gradient, new.size);
    free(gradient), free(new.at), free(old.at), free(advantages.at);
}

int main(void) {
    char *line = NULL;
    size_t room = 0;
    while (getline(&line, &room, stdin) > 0 && strstr(line, "\"cmd\": \"stop\"") == NULL) {
        if (strstr(line, "\"cmd\": \"start\"") != NULL) {
            printf("{\"name\": \"PPO in C\", \"language\": \"C\", \"dtype\": \"float64\", \"operations\": {"
                   "\"gae\": [\"rewards\", \"values\", \"next_values\", \"terminated\", \"truncated\","
                   " \"gamma\", \"gae_lambda\"],"
                   " \"clip_loss\": [\"log_prob\", \"old_log_prob\", \"advantages\", \"clip_eps\"]}}\n");
        } else {
            /* Below 2^48: a double holds it exactly. */
            printf("{\"seq\": %.0f, \"outputs\": {", number(line, "seq"));
            if (asks_for(line, "gae")) answer_gae(line);
            else answer_clip_loss(line);
            printf("}}\n");
        }
        fflush(stdout);
    }
    free(line);
    return 0;
}
