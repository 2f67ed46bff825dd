/* Heat in a rod whose ends are kept at zero: explicit finite differences.
 *
 *     heat DIFFUSIVITY INITIAL OUTPUT
 *
 * Reads the temperatures at equal distances along a rod of length 1 from INITIAL, one in a line, and writes those
 * after one unit of time to OUTPUT. DIFFUSIVITY is in units of length^2/time.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_CELLS = 1000 };

static int read_rod(const char *path, double *rod)
{
    FILE *file = fopen(path, "r");
    int cells = 0;

    if (file == NULL) {
        perror(path);
        exit(EXIT_FAILURE);
    }
    while (cells < MOST_CELLS && fscanf(file, "%lf", &rod[cells]) == 1)
        cells++;
    fclose(file);
    return cells;
}

static void diffuse(double *rod, int cells, double diffusivity)
{
    double next[MOST_CELLS];
    double width = 1.0 / (cells - 1);
    /* The scheme is stable up to a ratio of 1/2. */
    long steps = (long)(diffusivity / (0.4 * width * width)) + 1;
    double ratio = diffusivity / ((double)steps * width * width);

    for (long step = 0; step < steps; step++) {
        next[0] = next[cells - 1] = 0.0;
        for (int i = 1; i < cells - 1; i++)
            next[i] = rod[i] + ratio * (rod[i - 1] - 2.0 * rod[i] + rod[i + 1]);
        memcpy(rod, next, sizeof(double) * (size_t)cells);
    }
}

static void write_rod(const char *path, const double *rod, int cells)
{
    FILE *file = fopen(path, "w");

    if (file == NULL) {
        perror(path);
        exit(EXIT_FAILURE);
    }
    for (int i = 0; i < cells; i++)
        fprintf(file, "%.6f\n", rod[i]);
    if (fclose(file) != 0) {
        perror(path);
        exit(EXIT_FAILURE);
    }
}

int main(int argc, char **argv)
{
    double rod[MOST_CELLS];
    int cells;

    if (argc != 4) {
        fprintf(stderr, "usage: heat DIFFUSIVITY INITIAL OUTPUT\n");
        return EXIT_FAILURE;
    }
    cells = read_rod(argv[2], rod);
    if (cells < 3) {
        fprintf(stderr, "%s: needs 3 temperatures or more\n", argv[2]);
        return EXIT_FAILURE;
    }
    diffuse(rod, cells, atof(argv[1]));
    write_rod(argv[3], rod, cells);
    return EXIT_SUCCESS;
}
