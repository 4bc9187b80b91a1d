# Cochran's Q (its p also by coin's permutations), tau and its interval by metafor, Wilson's interval, and a mixed
# logistic model of case mix by lme4.
# Inputs: counts of the synthetic cohort (reliable recovery and recovery kept of six services), and forty_services.csv:
# 40 synthetic services of 10 to 42 patients, sicker in some than in others, with an effect of each service.
source("answers.R")
suppressMessages({library(metafor); library(lme4); library(coin)})
set.seed(2016)

n <- c(57, 166, 85, 100, 81, 30)
of <- c(119, 460, 290, 276, 252, 114)
at_target <- function(n, of) sum(n) / sum(of) * (1 - sum(n) / sum(of)) / of
says(c("q", "p"), chisq.test(cbind(n, of - n))[c("statistic", "p.value")])
says("p_permuted", pvalue(chisq_test(as.table(cbind(n, of - n)), distribution = approximate(nresample = 1e5))), "coin")
says("tau_dl", sqrt(rma(yi = n / of, vi = at_target(n, of), method = "DL")$tau2), "metafor")
says(c("tau", "tau_low", "tau_high"), confint(
  rma(yi = n / of, vi = at_target(n, of), method = "PM", control = list(tol = 1e-12)),
  control = list(tol = 1e-12))$random["tau", ], "metafor")
says("tau_own_variance", sqrt(rma(yi = n / of, vi = n / of * (1 - n / of) / of, method = "PM")$tau2), "metafor")

kept <- c(6, 21, 2, 5, 2, 2)
followed <- c(9, 26, 2, 6, 2, 2)
says(c("kept_q", "kept_p"), suppressWarnings(chisq.test(cbind(kept, followed - kept)))[c("statistic", "p.value")])
says("kept_p_permuted", pvalue(chisq_test(
  as.table(cbind(kept, followed - kept)), distribution = approximate(nresample = 1e5))), "coin")
says(c("kept_tau", "kept_tau_high"), confint(
  rma(yi = kept / followed, vi = at_target(kept, followed), method = "PM"),
  control = list(tol = 1e-12))$random["tau", c("estimate", "ci.ub")], "metafor")

says(c("wilson_low", "wilson_high"), prop.test(57, 119, correct = FALSE)$conf.int)

patients <- input("forty_services")
z <- function(values) as.numeric(scale(values))
table <- with(patients, data.frame(
  phq9 = z(phq9_baseline), gad7 = z(gad7_baseline), years = z(age), unemployed = z(employment_baseline == "unemployed"),
  student = z(employment_baseline == "student"), male = z(gender == "male")))
fitted <- function(rows, formula) glmer(
  formula, cbind(patients, table)[rows, ], binomial, nAGQ = 9,
  control = glmerControl(optimizer = "bobyqa", tolPwrss = 1e-10, optCtrl = list(rhoend = 1e-9)))
says(paste("mixed", c("(Intercept)", "phq9", "gad7", "years", "unemployed", "student", "male")), fixef(
  mixed <- fitted(TRUE, outcome ~ phq9 + gad7 + years + unemployed + student + male + (1 | service))), "lme4")
says("mixed spread", getME(mixed, "theta"), "lme4")
says(paste("six", c("(Intercept)", "phq9", "gad7", "years")), fixef(six <- fitted(
  patients$service %in% sprintf("S%02d", 1:6), outcome ~ phq9 + gad7 + years + (1 | service))), "lme4")
says("six spread", getME(six, "theta"), "lme4")

# expected: at the intercept with which as many are expected in all as were observed
linear <- as.matrix(table) %*% fixef(mixed)[-1]
shift <- uniroot(function(s) sum(plogis(linear + s)) - sum(patients$outcome), c(-9, 9), tol = 1e-12)$root
observed <- tapply(patients$outcome, patients$service, sum)
enough <- names(which(table(patients$service) >= 20))
says(paste("expected", enough), tapply(plogis(linear + shift), patients$service, sum)[enough], "lme4")
one <- linear[patients$service == "S02"] + shift
score <- function(d, z) observed["S02"] - sum(plogis(one + d)) - z * sqrt(sum(dlogis(one + d)))
effect <- function(z) uniroot(score, c(-9, 9), z = z, tol = 1e-12)$root
says("ratio_low S02", sum(plogis(one + effect(qnorm(0.975)))) / sum(plogis(one)), "lme4")
says("ratio_high S02", sum(plogis(one + effect(qnorm(0.025)))) / sum(plogis(one)), "lme4")

# partial pooling by another model: a normal distribution of log odds, the most likely one
all <- levels(factor(patients$service))
says(paste("pooled", all), plogis(coef(fitted(TRUE, outcome ~ (1 | service)))$service[all, 1]), "lme4")

written("services")
