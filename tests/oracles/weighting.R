# The shares that notebook 08 prints as weighted, by all of its variables, as survey's weighted mean: weights
# 1 / (probability of consent x probability of an answer then), each by glm. The variables of each model are written out as the notebook
# names them. Input: as for attrition.R.
source("answers.R")
suppressPackageStartupMessages(library(survey))

people <- input("attrition")
anxiety <- paste0("anxiety_", c("baseline", "end", "6m"))
people[anxiety] <- people[anxiety] / people$reliable_change
people$answered_6m <- as.numeric(!is.na(people$phq9_6m))
scores <- c("phq9_end", "anxiety_end", "phq9_baseline", "anxiety_baseline")
before <- c(scores, "service", "step3", "age", "sessions")  # service F is the reference
early <- c(scores, "answered_6m", "phq9_6m", "anxiety_6m")

# fitted probabilities; a missing value is the mean of the others
passes <- function(passed, names, patients) {
  patients[names] <- lapply(patients[names], function(column)
    if (is.numeric(column)) ifelse(is.na(column), mean(column, na.rm = TRUE), column) else relevel(factor(column), "F"))
  fitted(glm(reformulate(names, "passed"), binomial, cbind(patients, passed), control = list(epsilon = 1e-12)))
}
answered <- function(patients, kept, names) {
  patients$kept <- kept
  patients$p <- passes(patients$consented, before, patients)
  agreed <- patients[patients$consented == 1, ]
  agreed$w <- 1 / (agreed$p * passes(!is.na(agreed$kept), names, agreed))
  svydesign(ids = ~1, weights = ~w, data = agreed[!is.na(agreed$kept), ])
}
effective <- function(design) sum(weights(design))^2 / sum(weights(design)^2)  # Kish 1965

people$service_B <- as.numeric(people$service == "B")  # the one service for which there was room, at 6 months
recovered <- people[people$recovered == 1, ]
says("improvement_6m", coef(svymean(~kept, answered(people, people$kept_6m, c(scores, "service_B")))), "survey")
says("improvement_6m_effective", effective(answered(people, people$kept_6m, c(scores, "service_B"))), "survey")
says("recovery_6m", coef(svymean(~kept, answered(recovered, recovered$recovery_kept_6m, scores))), "survey")
says("recovery_6m_effective", effective(answered(recovered, recovered$recovery_kept_6m, scores)), "survey")
says("improvement_12m", coef(svymean(~kept, answered(people, people$kept_12m, early))), "survey")
says("improvement_12m_effective", effective(answered(people, people$kept_12m, early)), "survey")
says("recovery_12m", coef(svymean(~kept, answered(recovered, recovered$recovery_kept_12m, early))), "survey")
says("recovery_12m_effective", effective(answered(recovered, recovered$recovery_kept_12m, early)), "survey")
written("weighting")
