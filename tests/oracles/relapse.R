# Time to relapse. Inputs: remission times of Freireich et al. (1963), weeks as months; and two synthetic tables: intervals
# of patients with two follow-ups between months 5 and 14, and months of relapse (1) or re-referral (2), censored (0).
source("answers.R")
suppressPackageStartupMessages({library(survival); library(cmprsk)})

trial <- input("relapse_freireich")
says(outer(c(6, 12, 23), c("share_", "high_", "low_"), function(month, what) paste0(what, month)),
     1 - unlist(summary(survfit(Surv(month, relapsed) ~ 1, trial[trial$placebo == 0, ], conf.type = "log-log"),
                        times = c(6, 12, 23))[c("surv", "lower", "upper")]), "survival")
says(outer(c("treated", "placebo"), c("median", "0.95LCL", "0.95UCL"), paste, sep = "_"),
     summary(survfit(Surv(month, relapsed) ~ placebo, trial, conf.type = "log-log"))$table[
       , c("median", "0.95LCL", "0.95UCL")], "survival")

# person-months, those months in which anybody relapses
person_months <- trial[rep(seq_len(nrow(trial)), trial$month), ]
person_months$of <- sequence(trial$month)
person_months$here <- person_months$relapsed == 1 & person_months$of == person_months$month
person_months <- person_months[person_months$of %in% trial$month[trial$relapsed == 1], ]
says(c("grouped_coefficient", "grouped_se"), coef(summary(
  glm(here ~ 0 + factor(of) + placebo, binomial("cloglog"), person_months)))["placebo", 1:2], "stats")

waves <- input("relapse_two_follow_ups")
months <- c(5, 8, 14)
says(paste0("turnbull_", months),  # its steps come near to the maximum, and end before it
     1 - summary(survfit(Surv(after, up_to, type = "interval2") ~ 1, waves), times = c(5, 8, 14))$surv, "survival")
steps <- sort(unique(waves$up_to))
kept <- function(month, p) exp(-exp(p[1] * waves$residual) * rowSums(outer(month, steps, ">=") %*% diag(exp(p[-1]))))
misfit <- function(p) {
  -sum(log(kept(waves$after, p) - ifelse(is.na(waves$up_to), 0, kept(ifelse(is.na(waves$up_to), 0, waves$up_to), p))))
}
says(paste0("maximum_", months), 1 - exp(-cumsum(exp(optim(
  rep(-3, length(steps)), function(p) misfit(c(0, p)), method = "L-BFGS-B", lower = -14,
  control = list(maxit = 5000, factr = 10))$par))[findInterval(c(5, 8, 14), steps)]), "stats")
says("interval_coefficient", (best <- optim(
  c(0, rep(-3, length(steps))), misfit, method = "L-BFGS-B", lower = -14,
  control = list(maxit = 5000, factr = 10))$par)[1], "stats")
says("interval_se", sqrt(solve(optimHess(best, misfit)[best > -13, best > -13])[1, 1]), "stats")

first <- input("relapse_or_re_referral")
says(paste("cuminc", 1:2, c(6, 6, 12, 12), sep = "_"),
     timepoints(cuminc(first$month, first$event), c(6, 12))$est, "cmprsk")
says(paste("se", c(1, 1, 2, 2), c(6, 12), sep = "_"),
     summary(survfit(Surv(month, factor(event)) ~ 1, first), times = c(6, 12))$std.err[, 2:3], "survival")

written("relapse")
