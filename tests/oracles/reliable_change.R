# PHQ-9 of 24 made-up patients at four times (0 to 3), a few scores missing. The methods are those of the R package
# clinicalsignificance; the hierarchical one is the call that its help names, the others their published formulas.
source("answers.R")
suppressPackageStartupMessages(library(lme4))

scores <- input("reliable_change")
wide <- reshape(scores, idvar = "id", timevar = "time", direction = "wide")
both <- wide[complete.cases(wide$phq9.0, wide$phq9.3), ]
pre <- both$phq9.0
post <- both$phq9.3
r <- 0.89
sem <- sd(pre) * sqrt(1 - r)

# indices of the second patient
says(c("before", "later"), subset(both, id == id[2], c(phq9.0, phq9.3)))
says("jacobson_truax", ((pre - post) / (sqrt(2) * sem))[2])
says("gulliksen_lord_novick", ((mean(pre) + r * (pre - mean(pre)) - post) / (sd(pre) * sqrt(1 - r^2)))[2])
says("hsu_linn_nord", ((r * (pre - mean(pre)) - (post - mean(post))) / (sd(pre) * sqrt(1 - r^2)))[2])
says("edwards_nunnally", ((mean(pre) + r * (pre - mean(pre)) - post) / sem)[2])
says("nunnally_kotsch", ((mean(pre) + r * (pre - mean(pre)) - post) / sqrt(sd(pre)^2 * (r^2 * (1 - r) + 1 - r)))[2])

# Hageman & Arrindell 1999: one error of both times, or each its own (with a later reliability of .8)
hageman_arrindell <- function(error) {
  r_change <- (var(pre - post) - error^2) / var(pre - post)
  ((pre - post) * r_change + mean(pre - post) * (1 - r_change)) / (sqrt(r_change) * error)
}
says("hageman_arrindell", hageman_arrindell(sqrt(2) * sem)[2])
says("hageman_arrindell, own errors", hageman_arrindell(sqrt(sem^2 + var(post) * (1 - 0.8)))[2])
# their cut-off c between true scores, and how far below it the patient's true score lies
m_functional <- 2.91
true_functional <- sqrt(3.52^2 - sem^2)
true_pre <- sqrt(var(pre) - sem^2)
cut_off <- says("true_cut_off_c", (true_pre * m_functional + true_functional * mean(pre)) / (true_pre + true_functional))
r_post <- (var(post) - sem^2) / var(post)
says("below_cut_off", ((cut_off - (mean(post) + (post - mean(post)) * r_post)) / (sqrt(r_post) * sem))[2])

# at least three scores; slope of each patient less that of all, in its standard deviations
counts <- table(scores$id)
says("singular", isSingular(
  model <- lmer(phq9 ~ time + (time | id), scores[scores$id %in% names(counts)[counts >= 3], ])), "lme4")
slopes_of <- function(model) with(
  subset(as.data.frame(ranef(model, condVar = TRUE)), term == "time"), setNames(-condval / condsd, grp))
says(paste0("hierarchical, ", c("all four scores", "one missing")), slopes_of(model)[c("1", "7")], "lme4")
says("hierarchical, patients", length(slopes_of(model)), "lme4")
says("hierarchical, improved", sum(slopes_of(model) > qnorm(0.975)), "lme4")
says("hierarchical, deteriorated", sum(slopes_of(model) < -qnorm(0.975)), "lme4")
# a fit at its edge: three times of the first twelve patients, where starts and slopes cannot be told apart
few <- scores[scores$time > 0 & scores$id <= 12, ]
few <- few[few$id %in% names(which(table(few$id) >= 3)), ]
says("singular, twelve patients", isSingular(edge <- lmer(phq9 ~ time + (time | id), few)), "lme4")
says("hierarchical, singular, first patient", slopes_of(edge)[1], "lme4")
says("hierarchical, singular, improved", sum(slopes_of(edge) > qnorm(0.975)), "lme4")
written("reliable_change")
