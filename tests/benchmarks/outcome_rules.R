# The outcome rules in data.table, as an R user would write them: seconds, and how many have each code at each time.
# Rscript outcome_rules.R patients.csv measures.csv; called by outcome_rules.py, which compares the counts with its own.
suppressMessages(library(data.table))
arguments <- commandArgs(trailingOnly = TRUE)
patients <- fread(arguments[1], na.strings = "")
measures <- fread(arguments[2])

classified <- function(d, time) {
  later <- function(name) d[[paste0(name, "_", time)]]
  use <- !is.na(d$adsm) & !is.na(d$adsm_baseline) & !is.na(later("adsm"))
  limits <- measures[match(fifelse(use, d$adsm, "GAD-7"), measure)]
  before <- fifelse(use, as.numeric(d$adsm_baseline), as.numeric(d$gad7_baseline))
  after <- fifelse(use, as.numeric(later("adsm")), as.numeric(later("gad7")))
  phq9 <- d$phq9_baseline - later("phq9")
  anxiety <- round(before - after, 6)
  better <- phq9 >= 6 | anxiety >= limits$reliable_change
  worse <- phq9 <= -6 | anxiety <= -limits$reliable_change
  missing <- is.na(phq9) | is.na(anxiety)
  improvement <- fifelse(missing, NA_integer_, 1L + (better & !worse) - (worse & !better))
  case <- (!is.na(d$phq9_baseline) & d$phq9_baseline >= 10) | (!is.na(before) & before >= limits$caseness)
  well <- later("phq9") < 10 & after < limits$caseness
  recovery <- fifelse(missing | !case, NA_integer_, as.integer(improvement == 2L & well))
  list(improvement = improvement, recovery = recovery)
}

carried_back <- function(d) {
  silent <- function(time) {
    Reduce(`&`, lapply(c("phq9", "gad7", "adsm"), function(name) is.na(d[[paste0(name, "_", time)]])))
  }
  late <- silent("6m") & !silent("12m")
  d <- copy(d)
  for (name in c("phq9", "gad7", "adsm")) {
    set(d, j = paste0(name, "_6m"), value = fifelse(late, d[[paste0(name, "_12m")]], d[[paste0(name, "_6m")]]))
  }
  d
}

everything <- function() {
  c(lapply(c("end", "6m", "12m"), function(time) classified(patients, time)), list(classified(carried_back(patients), "6m")))
}

seconds <- min(sapply(1:3, function(i) system.time(everything())["elapsed"]))
counts <- unlist(lapply(everything(), function(found) c(tabulate(found$improvement + 1L, 3), tabulate(found$recovery + 1L, 2))))
cat(seconds, R.version.string, as.character(packageVersion("data.table")), paste(counts, collapse = " "), sep = "\n")
