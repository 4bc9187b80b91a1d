"""Do patients who got better in NHS Talking Therapies stay better 6 and 12 months after discharge?"""
