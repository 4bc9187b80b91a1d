# Time to relapse. Inputs: remission times of Freireich et al. (1963), weeks as months; and two synthetic tables: intervals
# of patients with two follow-ups between months 5 and 14, and months of relapse (1) or re-referral (2), censored (0).
source("answers.R")
suppressPackageStartupMessages({library(survival); library(cmprsk)})

trial <- input("relapse_freireich")
treated <- summary(survfit(Surv(month, relapsed) ~ 1, trial[trial$placebo == 0, ], conf.type = "log-log"),
                   times = c(6, 12, 23))
for (i in 1:3) {
  says(paste0("share_", treated$time[i]), 1 - treated$surv[i], "survival")
  says(paste0("low_", treated$time[i]), 1 - treated$upper[i], "survival")
  says(paste0("high_", treated$time[i]), 1 - treated$lower[i], "survival")
}
medians <- summary(survfit(Surv(month, relapsed) ~ placebo, trial, conf.type = "log-log"))$table
for (group in 1:2) for (one in c("median", "0.95LCL", "0.95UCL")) {
  says(paste(c("treated", "placebo")[group], one, sep = "_"), medians[group, one], "survival")
}

# person-months, those months in which anybody relapses
person_months <- trial[rep(seq_len(nrow(trial)), trial$month), ]
person_months$of <- sequence(trial$month)
person_months$here <- person_months$relapsed == 1 & person_months$of == person_months$month
person_months <- person_months[person_months$of %in% trial$month[trial$relapsed == 1], ]
grouped <- glm(here ~ 0 + factor(of) + placebo, binomial("cloglog"), person_months)
says("grouped_coefficient", coef(grouped)["placebo"], "stats")
says("grouped_se", sqrt(diag(vcov(grouped)))["placebo"], "stats")

waves <- input("relapse_two_follow_ups")
npmle <- survfit(Surv(after, up_to, type = "interval2") ~ 1, waves)
for (month in c(5, 8, 14)) {  # its steps come near to the maximum, and end before it
  says(paste0("turnbull_", month), 1 - summary(npmle, times = month)$surv, "survival")
}
steps <- sort(unique(waves$up_to))
kept <- function(month, p) exp(-exp(p[1] * waves$residual) * rowSums(outer(month, steps, ">=") %*% diag(exp(p[-1]))))
misfit <- function(p) {
  -sum(log(kept(waves$after, p) - ifelse(is.na(waves$up_to), 0, kept(ifelse(is.na(waves$up_to), 0, waves$up_to), p))))
}
best <- optim(c(0, rep(-3, length(steps))), misfit, method = "L-BFGS-B", lower = -14,
              control = list(maxit = 5000, factr = 10))
of_all <- optim(rep(-3, length(steps)), function(p) misfit(c(0, p)), method = "L-BFGS-B", lower = -14,
                control = list(maxit = 5000, factr = 10))
for (month in c(5, 8, 14)) {
  says(paste0("maximum_", month), 1 - exp(-sum(exp(of_all$par[steps <= month]))), "stats")
}
says("interval_coefficient", best$par[1], "stats")
inside <- best$par > -13
curvature <- optimHess(best$par, misfit)[inside, inside]
says("interval_se", sqrt(solve(curvature)[1, 1]), "stats")

first <- input("relapse_or_re_referral")
incidence <- timepoints(cuminc(first$month, first$event), c(6, 12))
states <- summary(survfit(Surv(month, factor(event)) ~ 1, first), times = c(6, 12))
for (event in 1:2) for (i in 1:2) {
  says(paste("cuminc", event, c(6, 12)[i], sep = "_"), incidence$est[event, i], "cmprsk")
  says(paste("se", event, c(6, 12)[i], sep = "_"), states$std.err[i, event + 1], "survival")
}

written("relapse")
