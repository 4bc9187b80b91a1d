# The share of those improved (recovered) at end who kept it: weighting, doubly robust, and imputation by mice.
# Input: the synthetic study of 2016 (made up), a row a patient improved at end; anxiety in points.
source("answers.R")
suppressPackageStartupMessages(library(mice))

people <- input("attrition")
people[c("age", "sessions", "step3")] <- lapply(people[c("age", "sessions", "step3")], function(column)
  ifelse(is.na(column), mean(column, na.rm = TRUE), column))
for (time in c("baseline", "end", "6m", "12m"))
  people[[paste0("anxiety_", time)]] <- people[[paste0("anxiety_", time)]] / people$reliable_change
scores <- c("phq9_end", "anxiety_end", "phq9_baseline", "anxiety_baseline")

# designs: 1 and the variables, each scaled among the patients who are there
design <- function(people, there, names) {
  found <- matrix(0, nrow(people), length(names) + 1)
  found[there, ] <- cbind(1, scale(as.matrix(people[there, names])))
  found
}
# -- weighting: glm for each stage, the influence of each patient on the weighted mean ------------
weighting <- function(people, kept, stages) {
  answered <- !is.na(kept); kept[!answered] <- 0
  models <- lapply(stages, function(stage) {
    x <- stage$x[stage$there, , drop = FALSE]
    fitted <- glm.fit(x, as.numeric(stage$passed[stage$there]), family = binomial())
    p <- rep(1, length(kept)); p[stage$there] <- fitted$fitted.values
    list(p = p, x = stage$x * stage$there, residual = (stage$passed - p) * stage$there)
  })
  w <- answered / Reduce(`*`, lapply(models, `[[`, "p"))
  share <- sum(w * kept) / sum(w)
  influence <- w * (kept - share)
  for (model in models) {
    bread <- crossprod(model$x * (model$p * (1 - model$p)), model$x)
    slope <- -colSums(w * (kept - share) * (1 - model$p) * model$x)
    influence <- influence + as.vector((model$residual * model$x) %*% solve(bread, slope))
  }
  list(share = share, se = sqrt(sum(influence^2)) / sum(w), effective = sum(w)^2 / sum(w^2))
}

two <- function(people, kept, consent, answer) {
  there <- people$consented == 1
  list(list(x = design(people, rep(TRUE, nrow(people)), consent), there = rep(TRUE, nrow(people)), passed = there),
       list(x = design(people, there, answer), there = there, passed = there & !is.na(kept)))
}
one <- function(people, kept, names) list(list(
  x = design(people, rep(TRUE, nrow(people)), names), there = rep(TRUE, nrow(people)), passed = !is.na(kept)))

says(paste0("improvement_scores_apart", c("", "_se", "_effective")),
     weighting(people, people$kept_6m, two(people, people$kept_6m, scores, scores)))
says(paste0("improvement_scores_together", c("", "_se")),
     weighting(people, people$kept_6m, one(people, people$kept_6m, scores))[c("share", "se")])
recovered <- people[people$recovered == 1, ]
says(paste0("recovery_scores_apart", c("", "_se")), weighting(
  recovered, recovered$recovery_kept_6m, two(recovered, recovered$recovery_kept_6m, scores, scores))[c("share", "se")])

# 12 months: what 6 months told stands in the model of answering
early <- people
early$answered_6m <- as.numeric(!is.na(early$phq9_6m))
for (name in c("phq9_6m", "anxiety_6m")) early[[name]][is.na(early[[name]])] <- 0
says(paste0("improvement_12m_scores_apart", c("", "_se")), weighting(early, early$kept_12m, two(
  early, early$kept_12m, scores, c(scores, "answered_6m", "phq9_6m", "anxiety_6m")))[c("share", "se")])

# -- doubly robust: ridge regressions by optim, variance by differences of the equations -----------
robust <- function(kept, stages, ridge = 1) {
  n <- length(kept); answered <- !is.na(kept); kept[!answered] <- 0
  c1 <- stages[[1]]$passed; x1 <- stages[[1]]$x; x2 <- stages[[2]]$x
  logit <- function(x, y, w, ridge) {
    loss <- function(b) { p <- plogis(x %*% b)
      -sum(w * (y * log(p) + (1 - y) * log(1 - p))) + ridge / 2 * sum(b[-1]^2) }
    slope <- function(b) -as.vector(crossprod(x, w * (y - plogis(x %*% b)))) + ridge * c(0, b[-1])
    optim(rep(0, ncol(x)), loss, slope, method = "BFGS", control = list(reltol = 1e-15, maxit = 1000))$par
  }
  b1 <- logit(x1, c1, rep(1, n), 0)
  b2 <- logit(x2, answered, as.numeric(c1), 0)
  w1 <- c1 / plogis(x1 %*% b1); w2 <- answered / (plogis(x1 %*% b1) * plogis(x2 %*% b2))
  g2 <- logit(x2, kept, w2 * sum(answered) / n, ridge)
  g1 <- logit(x1, plogis(x2 %*% g2), w1 * sum(c1) / n, ridge)
  share <- mean(plogis(x1 %*% g1))
  sizes <- cumsum(c(length(b1), length(b2), length(g2), length(g1)))
  equations <- function(theta) {
    b1 <- theta[1:sizes[1]]; b2 <- theta[(sizes[1] + 1):sizes[2]]; g2 <- theta[(sizes[2] + 1):sizes[3]]
    g1 <- theta[(sizes[3] + 1):sizes[4]]; share <- theta[sizes[4] + 1]
    p1 <- as.vector(plogis(x1 %*% b1)); p2 <- as.vector(plogis(x2 %*% b2))
    q1 <- as.vector(plogis(x1 %*% g1)); q2 <- as.vector(plogis(x2 %*% g2))
    shrink <- function(g) matrix(ridge / n * c(0, g[-1]), n, length(g), byrow = TRUE)
    cbind((c1 - p1) * x1, c1 * (answered - p2) * x2,
          answered / (p1 * p2) * sum(answered) / n * (kept - q2) * x2 - shrink(g2),
          c1 / p1 * sum(c1) / n * (q2 - q1) * x1 - shrink(g1), q1 - share)
  }
  theta <- c(b1, b2, g2, g1, share)
  bread <- sapply(seq_along(theta), function(place) {
    step <- replace(numeric(length(theta)), place, 1e-5)
    colSums(equations(theta + step) - equations(theta - step)) / 2e-5
  })
  inside <- solve(bread)
  variance <- inside %*% crossprod(equations(theta)) %*% t(inside)
  q1 <- plogis(x1 %*% g1); q2 <- plogis(x2 %*% g2)
  augmented <- mean(q1 + w1 * (q2 - q1) + w2 * (kept - q2))
  list(share = share, se = sqrt(variance[length(theta), length(theta)]), augmented = augmented)
}
says(paste0("robust_scores", c("", "_se", "_augmented")),
     robust(people$kept_6m, two(people, people$kept_6m, scores, scores)))

# -- imputation by mice: the PHQ-9, then anxiety given it ------------------------------------------
kept_in <- function(people, phq9, anxiety, outcome) {
  phq9 <- pmin(pmax(round(phq9), 0), 27); anxiety <- anxiety * people$reliable_change
  anxiety <- pmin(pmax(ifelse(people$whole == 1, round(anxiety), anxiety), people$lowest), people$highest)
  d <- people$phq9_baseline - phq9; a <- people$anxiety_baseline * people$reliable_change - anxiety
  rc <- people$reliable_change - 1e-6
  better <- (d >= 6 | a >= rc) & !(d <= -6 | a <= -rc)
  if (outcome == "recovery") better & phq9 < 10 & anxiety < people$caseness else better
}
shares <- function(people, outcome, time, method, names, m = 300, maxit = 1) {
  later <- paste0(c("phq9_", "anxiety_"), time)
  early <- if (time == "12m") c("phq9_6m", "anxiety_6m")
  data <- people[c(names, early, later)]
  predictors <- make.predictorMatrix(data); predictors[later[1], later[2]] <- 0
  if (time == "12m") predictors["phq9_6m", "anxiety_6m"] <- 0
  done <- mice(data, m = m, maxit = maxit, method = ifelse(names(data) %in% c(early, later), method, ""),
               predictorMatrix = predictors, printFlag = FALSE, seed = 2016)
  kept <- people[[paste0(if (outcome == "recovery") "recovery_", "kept_", time)]]
  sapply(seq_len(m), function(i) {
    full <- complete(done, i)
    mean(ifelse(is.na(kept), kept_in(people, full[[later[1]]], full[[later[2]]], outcome), kept))
  })
}
# predictive mean matching, the donors drawn anew for each completed cohort, the nearest one taken
matched <- function(people, outcome, names, m = 300) {
  kept <- people[[if (outcome == "recovery") "recovery_kept_6m" else "kept_6m"]]
  later <- c("phq9_6m", "anxiety_6m"); answered <- which(!is.na(kept)); lost <- people[is.na(kept), ]
  predictors <- make.predictorMatrix(people[c(names, later)]); predictors[later[1], later[2]] <- 0
  sapply(seq_len(m), function(i) {
    set.seed(i)
    data <- rbind(people[sample(answered, replace = TRUE), ], lost)[c(names, later)]
    done <- complete(mice(data, m = 1, maxit = 1, method = ifelse(names(data) %in% later, "pmm", ""), donors = 1,
                          matchtype = 0L, predictorMatrix = predictors, printFlag = FALSE, seed = i))
    done <- done[-seq_along(answered), ]
    (sum(kept, na.rm = TRUE) + sum(kept_in(lost, done$phq9_6m, done$anxiety_6m, outcome))) / length(kept)
  })
}
mean_and_sd <- function(found) c(mean(found), sd(found))
for (outcome in c("improvement", "recovery")) {
  those <- if (outcome == "recovery") recovered else people
  says(paste0("mice_norm_", outcome, c("_mean", "_sd")),
       mean_and_sd(shares(those, outcome, "6m", "norm", scores)), "mice")
  says(paste0("mice_pmm_", outcome, c("_mean", "_sd")), mean_and_sd(matched(those, outcome, scores)), "mice")
}
says(paste0("mice_norm_improvement_12m", c("_mean", "_sd")),
     mean_and_sd(shares(people, "improvement", "12m", "norm", scores, m = 100, maxit = 10)), "mice")
says(c("rubin_variance", "rubin_df"),
     pool.scalar(c(1.2, 1.5, 1.1, 1.4, 1.3), rep(0.04, 5), n = 200)[c("t", "df")], "mice")
written("attrition")
