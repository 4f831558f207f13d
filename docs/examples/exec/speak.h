/* Reads the questions of `ppocore check --exec` and writes answers (docs/protocol.md).
 *
 * This is no reader of JSON in general.  It relies on what the gate promises of the lines it sends: each is one
 * object on one line, written as {"name": value, ...}; no name occurs twice; the only strings besides ids and names
 * of operations are "nan", "inf" and "-inf", which strtod reads.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    double *at;   /* row by row */
    size_t size;
    size_t rows;  /* 1 unless the array is a matrix */
} Array;

/* Where the value of "name" begins; ends the program where there is none, which costs that case. */
static const char *find(const char *line, const char *name) {
    char key[64];
    snprintf(key, sizeof key, "\"%s\": ", name);
    const char *found = strstr(line, key);
    if (found == NULL) {
        fprintf(stderr, "no %s in the question\n", name);
        exit(1);
    }
    return found + strlen(key);
}

/* A number, flag, or array of them; flags become 0 and 1. */
static Array array(const char *line, const char *name) {
    const char *p = find(line, name);
    Array found = {malloc(sizeof(double) * (strlen(p) + 1)), 0, 0};
    int depth = 0;
    do {
        char *after = (char *)p + 1;
        if (*p == '[') depth++;
        else if (*p == ']') found.rows += depth-- == 2;
        else if (strncmp(p, "true", 4) == 0) found.at[found.size++] = 1, after = (char *)p + 4;
        else if (strncmp(p, "false", 5) == 0) found.at[found.size++] = 0, after = (char *)p + 5;
        else if (strchr(", \"", *p) == NULL) found.at[found.size++] = strtod(p, &after);
        p = after;
    } while (depth > 0);
    if (found.rows == 0) found.rows = 1;
    return found;
}

static double number(const char *line, const char *name) {
    return strtod(find(line, name), NULL);
}

static int asks_for(const char *line, const char *operation) {
    const char *found = find(line, "operation");
    size_t length = strlen(operation);
    return strncmp(found + 1, operation, length) == 0 && found[1 + length] == '"';
}

static void put_number(double x) {
    if (isfinite(x)) printf("%.17g", x);
    else printf("\"%s\"", isnan(x) ? "nan" : x > 0 ? "inf" : "-inf");
}

static void put_vector(const double *x, size_t size) {
    printf("[");
    for (size_t i = 0; i < size; i++) {
        if (i > 0) printf(", ");
        put_number(x[i]);
    }
    printf("]");
}

static void put_matrix(const double *x, size_t rows, size_t columns) {
    printf("[");
    for (size_t i = 0; i < rows; i++) {
        if (i > 0) printf(", ");
        put_vector(x + i * columns, columns);
    }
    printf("]");
}
