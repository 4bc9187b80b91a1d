# Three groups of ages that differ in size and spread. The ages are made up (normal, rounded to years).
source("answers.R")
suppressPackageStartupMessages(library(metafor))

ages <- input("representativeness")
of <- split(ages$age, ages$group)
joined <- of$consent_and_participation

says("welch_p", oneway.test(age ~ group, ages, var.equal = FALSE)$p.value)
says("anova_p", oneway.test(age ~ group, ages, var.equal = TRUE)$p.value)

# Games & Howell 1976: Welch's t of each pair against the studentised range of three
games_howell <- function(x, y) {
  test <- t.test(x, y)
  ptukey(abs(test$statistic) * sqrt(2), 3, test$parameter, lower.tail = FALSE)
}
says("games_howell, first two", games_howell(of$no_consent, of$consent_no_participation))
says("games_howell, last two", games_howell(of$consent_no_participation, joined))

# standardised mean difference, variances not taken for equal (Bonett 2008, 2009), with its Wald interval
heteroscedastic <- function(other) summary(escalc(
  "SMDH", m1i = mean(joined), sd1i = sd(joined), n1i = length(joined), m2i = mean(other), sd2i = sd(other),
  n2i = length(other)), digits = 12)
what <- c("yi", "ci.lb", "ci.ub")
says(paste0(c("g", "low", "high"), ", no consent"), heteroscedastic(of$no_consent)[what], "metafor")
says(paste0(c("g", "low", "high"), ", consent"), heteroscedastic(of$consent_no_participation)[what], "metafor")

# sessions as the paper prints them: 22 patients with an SD of 8.07 against 67 with one of 4
sessions <- function(measure) escalc(measure, m1i = 14.95, sd1i = 8.07, n1i = 22, m2i = 6.48, sd2i = 4, n2i = 67)$yi
says("sessions, pooled SD", sessions("SMD"), "metafor")
says("sessions, average variance", sessions("SMDH"), "metafor")
written("representativeness")
