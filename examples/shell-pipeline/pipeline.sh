#!/usr/bin/env bash
# Mean temperature of every region, from the readings of single stations:
#
#     bash pipeline.sh "data/readings june.csv" data/stations.csv out
#
# Faulty readings (NA, -999) are set aside; the cleaned readings are kept, compressed.
set -euo pipefail
export LC_ALL=C

readings=$1 stations=$2 out=$3
mkdir -p "$out"
sorted=$(mktemp)
trap 'rm -f "$sorted"' EXIT

# The faulty readings, then the good ones sorted by station.
grep -E ',(NA|-999)$' "$readings" >"$out/faulty.txt"
tail -n +2 "$readings" | grep -vE ',(NA|-999)$' | sort -t , -k 2,2 -k 1,1 >"$sorted"
gzip -n -c "$sorted" >"$out/clean readings.csv.gz"

# Each reading gets its region, each region its mean.
tail -n +2 "$stations" | sort -t , -k 1,1 |
    join -t , -1 2 -2 1 -o 2.2,1.1,1.3 "$sorted" - |
    awk -F , '{ sum[$1] += $3; count[$1]++ }
              END { for (region in sum) printf "%s,%.2f,%d\n", region, sum[region] / count[region], count[region] }' |
    sort -t , -k 2,2gr >"$out/mean by region.csv"

cat "$out/mean by region.csv"
